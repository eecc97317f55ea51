//! A WebAssembly module inside a term sheet.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use schemars::{JsonSchema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::{Fault, TermsError};
use crate::validate::limits;

/// What every module of version 1 begins with.
const MAGIC: &[u8; 8] = b"\0asm\x01\0\0\0";

/// The bytes of a WebAssembly module; base64 in JSON. They stand in the sheet itself, so that both
/// parties signed them and nobody can withhold them from the jury.
#[derive(Clone, PartialEq, Eq)]
pub struct Module(Vec<u8>);

impl Module {
    /// A module of these bytes, whatever they are.
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether it has the size and the beginning of a module.
    pub(super) fn validate(&self, path: &str) -> Result<(), TermsError> {
        let (got, most) = (self.0.len(), limits::MODULE_BYTES);
        if got > most {
            return Err(TermsError::at(path, Fault::TooLarge { got, most }));
        }
        if self.0.starts_with(MAGIC) {
            return Ok(());
        }
        let why = "it does not begin as a WebAssembly module of version 1 does".to_owned();
        Err(TermsError::at(path, Fault::ModuleInvalid { why }))
    }
}

impl std::fmt::Debug for Module {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Module({} bytes)", self.0.len())
    }
}

impl Serialize for Module {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Module {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'_, str>::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text.as_bytes());
        bytes.map(Self).map_err(|_| de::Error::custom("not base64 with padding"))
    }
}

impl JsonSchema for Module {
    fn schema_name() -> Cow<'static, str> {
        "Module".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> schemars::Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[A-Za-z0-9+/]*={0,2}$",
            "maxLength": limits::MODULE_BYTES.div_ceil(3).saturating_mul(4),
            "description": "A WebAssembly module in base64 with padding.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_has_one_spelling() {
        let module = Module::new(MAGIC.to_vec());
        let text = serde_json::to_string(&module).unwrap();
        assert_eq!(text, "\"AGFzbQEAAAA=\"");
        assert_eq!(serde_json::from_str::<Module>(&text).unwrap(), module);
        for other in ["AGFzbQEAAAA", "AGFzbQEAAAB=", "AGFzbQEAAAA==", "AGFz\\nbQEAAAA=", "!"] {
            assert!(serde_json::from_str::<Module>(&format!("\"{other}\"")).is_err(), "{other}");
        }
    }

    #[test]
    fn a_module_begins_as_one_and_is_small() {
        assert!(Module::new(MAGIC.to_vec()).validate("m").is_ok());
        for bytes in [&b""[..], b"\0asm", b"\0asm\x0d\0\x01\0", b"(module)"] {
            let error = Module::new(bytes.to_vec()).validate("m").unwrap_err();
            assert_eq!(error.fault.slug(), "module-invalid");
        }
        let mut large = MAGIC.to_vec();
        large.resize(limits::MODULE_BYTES + 1, 0);
        assert_eq!(Module::new(large).validate("m").unwrap_err().fault.slug(), "too-large");
    }
}
