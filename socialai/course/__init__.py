"""The engine of the course: runs, sweeps, reports and checks of notebooks. It knows no model."""
