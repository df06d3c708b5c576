"""Follow a stream: where its meaning changes, in sentences, alerts and chapters."""
