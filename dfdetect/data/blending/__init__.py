"""Self-blended fakes: a real photo, blended with a changed copy of itself.

Written from Shiohara and Yamasaki, *Detecting Deepfakes with Self-Blended Images*, CVPR 2022.
"""
