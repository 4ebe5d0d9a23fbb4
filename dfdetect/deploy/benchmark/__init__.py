"""`dfdetect benchmark`: latency, throughput, start, memory and size of model files, side by side."""
