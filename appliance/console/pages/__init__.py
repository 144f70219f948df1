"""The pages of the console, one file each. No page knows another; appliance.console.page finds them."""
