"""The engine `dask`: partitions of files and blocks of rows -> results from a Dask cluster.

`engine` is what `engines.ENGINES` opens, `cluster` connects and watches the workers, `fitness` says
which of them are fit, `partitions` cuts work into pieces, `flight` keeps a bounded number of them
on their way, and `on_worker` is what workers carry out. Only here is anything of Dask imported.
"""
