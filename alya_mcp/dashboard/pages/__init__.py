"""The pages: one module each, with what it shows, its forms and its addresses in `ROUTES`."""
