"""An index published to Milvus: for more vectors than one machine serves. Needs the extra `milvus`."""
