"""The profile's `names:` and a file name -> its time, stage, series and number."""
