//! How value types are bound and read on both databases.
//!
//! An id is a UUID, a time is milliseconds in a `BIGINT`.

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::{Database, Decode, Encode, Type};
use uuid::Uuid;

use crate::base::{Id, Timestamp};

macro_rules! as_inner {
    ([$($generics:tt)*] $name:ty, $inner:ty, $to:expr, $from:expr) => {
        impl<$($generics)* DB: Database> Type<DB> for $name
        where
            $inner: Type<DB>,
        {
            fn type_info() -> DB::TypeInfo {
                <$inner as Type<DB>>::type_info()
            }
            fn compatible(ty: &DB::TypeInfo) -> bool {
                <$inner as Type<DB>>::compatible(ty)
            }
        }

        impl<'q, $($generics)* DB: Database> Encode<'q, DB> for $name
        where
            $inner: Encode<'q, DB>,
        {
            fn encode_by_ref(
                &self,
                buffer: &mut <DB as Database>::ArgumentBuffer,
            ) -> Result<IsNull, BoxDynError> {
                <$inner as Encode<'q, DB>>::encode($to(self), buffer)
            }
        }

        impl<'r, $($generics)* DB: Database> Decode<'r, DB> for $name
        where
            $inner: Decode<'r, DB>,
        {
            fn decode(value: <DB as Database>::ValueRef<'r>) -> Result<Self, BoxDynError> {
                <$inner as Decode<'r, DB>>::decode(value).map($from)
            }
        }
    };
}

as_inner!([K,] Id<K>, Uuid, |id: &Id<K>| id.uuid(), Id::from_uuid);
as_inner!([] Timestamp, i64, |at: &Timestamp| at.millis(), Timestamp::from_millis);
