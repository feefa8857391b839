"""`thyme prepare`: from public sets to rows the host trains on; streamed, checked, restartable."""
