"""The operations of the API, one file for each subject; appliance.console.api finds them."""
