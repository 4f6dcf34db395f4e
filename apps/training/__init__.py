"""Folders of mail to an ONNX classifier with its manifest and model card."""
