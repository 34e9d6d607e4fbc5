"""Referral directory."""
