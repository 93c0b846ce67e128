"""Drawing primitives: style, images, curves, HTML, scrubber. They know no method."""
