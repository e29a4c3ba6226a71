"""Readers of what others published: each turns files into recordings, or lists everything wrong with them."""
