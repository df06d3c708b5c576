"""What clients send and get, as pydantic models: the OpenAPI document is made from them."""
