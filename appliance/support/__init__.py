"""The support bundle: how an appliance is doing, without a patient's data, for somebody who helps from afar."""
