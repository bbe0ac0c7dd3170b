//! Enums as text.

/// Defines an enum with the same labels in PostgreSQL, JSON and query strings. Statements bind and
/// select it as text, so a label that a later migration adds breaks only the functions that read it.
///
/// The labels follow a case, as in `pub enum Reach: "SCREAMING_SNAKE_CASE"`, or each variant has its own:
/// `Booked = "appointment.booked.v1"`.
#[macro_export]
macro_rules! text_enum {
    ($(#[$meta:meta])* pub enum $name:ident : $case:literal { $($(#[$doc:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
            strum::EnumString, strum::IntoStaticStr, strum::VariantNames, schemars::JsonSchema,
        )]
        #[serde(rename_all = $case)]
        #[strum(serialize_all = $case)]
        pub enum $name { $($(#[$doc])* $variant),+ }

        $crate::text_enum!(@as_text $name);
    };
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$doc:meta])* $variant:ident = $label:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
            strum::EnumString, strum::IntoStaticStr, strum::VariantNames, schemars::JsonSchema,
        )]
        pub enum $name { $($(#[$doc])* #[serde(rename = $label)] #[strum(serialize = $label)] $variant),+ }

        $crate::text_enum!(@as_text $name);
    };
    (@as_text $name:ident) => {
        impl $name {
            /// The label in PostgreSQL, JSON and query strings.
            pub fn label(self) -> &'static str {
                self.into()
            }

            /// All labels, in the order of declaration.
            pub const LABELS: &'static [&'static str] = <Self as strum::VariantNames>::VARIANTS;
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.label())
            }
        }

        impl $crate::postgres::types::ToSql for $name {
            fn to_sql(
                &self,
                ty: &$crate::postgres::types::Type,
                out: &mut $crate::postgres::BytesMut,
            ) -> Result<$crate::postgres::types::IsNull, Box<dyn std::error::Error + Sync + Send>> {
                self.label().to_sql(ty, out)
            }

            fn accepts(ty: &$crate::postgres::types::Type) -> bool {
                <&str as $crate::postgres::types::ToSql>::accepts(ty)
            }

            $crate::postgres::types::to_sql_checked!();
        }

        impl<'a> $crate::postgres::types::FromSql<'a> for $name {
            fn from_sql(
                ty: &$crate::postgres::types::Type,
                raw: &'a [u8],
            ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
                Ok(<&str as $crate::postgres::types::FromSql>::from_sql(ty, raw)?.parse()?)
            }

            fn accepts(ty: &$crate::postgres::types::Type) -> bool {
                <&str as $crate::postgres::types::FromSql>::accepts(ty)
            }
        }

        impl $crate::SqlType for $name {
            const TYPE: $crate::postgres::types::Type = $crate::postgres::types::Type::TEXT;
            const ARRAY: $crate::postgres::types::Type = $crate::postgres::types::Type::TEXT_ARRAY;
        }
    };
}
