"""Checks of the SES API, which `ses_api.py` runs."""
