"""The symptom checker's data, in readable files beside this module, loaded at first use."""
