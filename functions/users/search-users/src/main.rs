//! The Lambda `search-users`.

api::serve!(search_users);
