"""The overload hook, on the controller: an alert of Alertmanager adds a prepared spare node."""
