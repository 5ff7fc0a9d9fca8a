"""Dense indexes: in this process (`qdrant_edge_index`) or on a Qdrant server (`qdrant_server_index`)."""
