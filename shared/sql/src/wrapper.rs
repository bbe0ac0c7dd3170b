//! Types that wrap another type.

/// Stores the tuple struct `$name` as the PostgreSQL type `$type`, like the type `$inner` that it wraps.
#[macro_export]
macro_rules! delegate_sql {
    ($name:ident, $inner:ty, $type:expr) => {
        impl $crate::postgres::types::ToSql for $name {
            fn to_sql(
                &self,
                ty: &$crate::postgres::types::Type,
                out: &mut $crate::postgres::BytesMut,
            ) -> Result<$crate::postgres::types::IsNull, Box<dyn std::error::Error + Sync + Send>>
            {
                self.0.to_sql(ty, out)
            }

            fn accepts(ty: &$crate::postgres::types::Type) -> bool {
                <$inner as $crate::postgres::types::ToSql>::accepts(ty)
            }

            $crate::postgres::types::to_sql_checked!();
        }

        impl<'a> $crate::postgres::types::FromSql<'a> for $name {
            fn from_sql(
                ty: &$crate::postgres::types::Type,
                raw: &'a [u8],
            ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
                <$inner as $crate::postgres::types::FromSql>::from_sql(ty, raw).map(Self)
            }

            fn accepts(ty: &$crate::postgres::types::Type) -> bool {
                <$inner as $crate::postgres::types::FromSql>::accepts(ty)
            }
        }

        impl $crate::SqlType for $name {
            const TYPE: $crate::postgres::types::Type = $type;
            const ARRAY: $crate::postgres::types::Type = <$inner as $crate::SqlType>::ARRAY;
        }
    };
}
