"""The slider and the review gallery."""
