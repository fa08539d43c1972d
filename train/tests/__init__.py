"""Checks of training that need no slices of ours:  python -m unittest discover -s train/tests -t .  (.ci/train runs them)"""
