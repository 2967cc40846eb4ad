"""The local service in Tapis v3: what stands below ``/v3``."""
