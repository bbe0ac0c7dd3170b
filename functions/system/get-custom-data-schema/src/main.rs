//! The Lambda `get-custom-data-schema`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(
        get_custom_data_schema::ENDPOINT,
        get_custom_data_schema::handle,
    )
}
