mod docs;
mod health;
mod openapi;
