//! The Lambda `put-custom-data-schema`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(
        put_custom_data_schema::ENDPOINT,
        put_custom_data_schema::handle,
    )
}
