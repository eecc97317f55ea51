//! Reading columns. A row that this program cannot have written is an error that names the column.

use alloy::primitives::{Address, B256, Bytes, FixedBytes};
use sqlx::Row;
use surety_store::DbRow;

use crate::RelayerError;

type Result<T> = std::result::Result<T, RelayerError>;

pub(crate) const fn broken(what: &'static str) -> RelayerError {
    RelayerError::Row { what }
}

pub(crate) fn fixed<const N: usize>(row: &DbRow, name: &'static str) -> Result<FixedBytes<N>> {
    FixedBytes::try_from(row.try_get::<&[u8], _>(name)?).map_err(|_| broken(name))
}

pub(crate) fn word(row: &DbRow, name: &'static str) -> Result<B256> {
    fixed(row, name)
}

pub(crate) fn maybe_word(row: &DbRow, name: &'static str) -> Result<Option<B256>> {
    let bytes = row.try_get::<Option<&[u8]>, _>(name)?;
    bytes.map(|b| B256::try_from(b).map_err(|_| broken(name))).transpose()
}

pub(crate) fn address(row: &DbRow, name: &'static str) -> Result<Address> {
    Ok(Address::from(fixed::<20>(row, name)?))
}

pub(crate) fn bytes(row: &DbRow, name: &'static str) -> Result<Bytes> {
    Ok(Bytes::copy_from_slice(row.try_get(name)?))
}

pub(crate) fn maybe_bytes(row: &DbRow, name: &'static str) -> Result<Option<Bytes>> {
    Ok(row.try_get::<Option<&[u8]>, _>(name)?.map(Bytes::copy_from_slice))
}

/// A number that fits the asked type.
pub(crate) fn number<T: TryFrom<i64>>(row: &DbRow, name: &'static str) -> Result<T> {
    T::try_from(row.try_get::<i64, _>(name)?).map_err(|_| broken(name))
}

pub(crate) fn maybe_number<T: TryFrom<i64>>(row: &DbRow, name: &'static str) -> Result<Option<T>> {
    let value = row.try_get::<Option<i64>, _>(name)?;
    value.map(|n| T::try_from(n).map_err(|_| broken(name))).transpose()
}

pub(crate) fn text(row: &DbRow, name: &'static str) -> Result<String> {
    Ok(row.try_get(name)?)
}

pub(crate) fn maybe_text(row: &DbRow, name: &'static str) -> Result<Option<String>> {
    Ok(row.try_get(name)?)
}

/// A number as the database keeps it. What does not fit was not a block or a time.
pub(crate) fn kept(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
