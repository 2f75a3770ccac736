"""The tests, room by room as in kerastag/; fixtures that several rooms share stand here."""
