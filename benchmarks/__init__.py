"""What is measured, and the peers that it is measured against. Nothing here is imported by the product."""
