"""What every process needs: settings, errors, telemetry, hosting, client channels, media."""
