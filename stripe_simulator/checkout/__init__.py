"""Checkout: a page that sells, from the session that a merchant opens to what the buyer has paid for."""
