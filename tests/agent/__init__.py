"""Tests of the conversation and of drafts."""
