"""Loading published gold into Redshift, through its Data API: staging, one transaction, MERGE.

Pure: `sql`, `types`. With AWS clients as parameters: `data_api`, `load`.
"""
