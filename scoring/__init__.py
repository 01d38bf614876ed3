"""Fantasy points: rules as data over event-sourced matches."""
