//! Enums whose variants are fixed strings on the wire: one list gives the spelling in both directions.

/// A string that is none of the values its parameter or member allows.
///
/// It does not carry the string: error texts never repeat what a caller sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the value is not one of those allowed")]
pub struct UnknownValue;

macro_rules! wire_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $wire:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub enum $name {
            $($(#[$doc])* $variant,)+
        }

        impl $name {
            /// Every value, in the order of the definition.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The spelling on the wire.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $wire,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::protocol::wire_enum::UnknownValue;

            fn from_str(value: &str) -> Result<Self, Self::Err> {
                match value {
                    $($wire => Ok(Self::$variant),)+
                    _ => Err($crate::protocol::wire_enum::UnknownValue),
                }
            }
        }

        $crate::protocol::wire_enum::wire_serde!($name);
    };
}

/// Serde by `as_str` and `FromStr`.
macro_rules! wire_serde {
    ($name:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = <String as serde::Deserialize>::deserialize(deserializer)?;
                value.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use {wire_enum, wire_serde};

#[cfg(test)]
mod tests {
    use super::UnknownValue;
    use crate::protocol::response_mode::ResponseMode;

    #[test]
    fn every_value_survives_the_round_trip() {
        for value in ResponseMode::ALL {
            assert_eq!(value.as_str().parse(), Ok(*value));
            let json = serde_json::to_string(value).unwrap();
            assert_eq!(serde_json::from_str::<ResponseMode>(&json).unwrap(), *value);
        }
        assert_eq!(ResponseMode::FormPost.to_string(), "form_post");
    }

    #[test]
    fn an_unknown_value_is_refused_without_being_repeated() {
        assert_eq!("FORM_POST".parse::<ResponseMode>(), Err(UnknownValue));
        let error = serde_json::from_str::<ResponseMode>("\"<script>\"").unwrap_err();
        assert!(!error.to_string().contains("script"));
    }
}
