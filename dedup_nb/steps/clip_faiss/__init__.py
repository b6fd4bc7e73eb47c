"""Code that only `30_clip_faiss` needs."""
