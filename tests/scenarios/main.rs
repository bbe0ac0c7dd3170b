//! Every endpoint as its real binary: the folders mirror `functions/`, one file an endpoint. What
//! concerns all of them has files of its own.

mod patients;
