"""One HTTP client for every platform: connections, TLS, proxies, deadlines, retries, rate.

Floor 3. On requests and its own urllib3. Knows no service.
"""
