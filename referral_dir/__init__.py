"""Referral directory and matching service."""
