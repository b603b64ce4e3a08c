"""The stores and the policies over them."""
