//! What the verifier finds. Each case verifies an honest log first, tampers with it, and verifies again: the two differ
//! by the tampering alone.

mod archived;
mod forged;
mod logs;
mod objects;
mod old_months;
mod removed;
mod rows;
mod scene;
mod sealing;
mod statements;
