"""MIS-ME: soil moisture from a picture of the soil and the weather at the station."""
