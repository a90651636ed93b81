//! HTTP: the node interface, the viewer, the tracker's endpoint.
