//! A protobuf message in its JSON form, fields in the order they were put in.

/// A value of a message. Numbers are whole and not negative: nothing here needs another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// `true` or `false`.
    Bool(bool),
    /// A repeated field; may be empty.
    List(Vec<Self>),
    /// A whole number.
    Number(u64),
    /// A message or a map; may be empty.
    Object(Vec<(String, Self)>),
    /// Text, the name of an enum's value, or a duration.
    Text(String),
}

impl Message {
    /// A message with these fields.
    #[must_use]
    pub fn object<const N: usize>(fields: [(&str, Self); N]) -> Self {
        Self::Object(
            fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        )
    }

    /// A filter or an extension: its name, its type, its configuration.
    #[must_use]
    pub fn extension(name: &str, type_name: &str, fields: Self) -> Self {
        Self::object([("name", name.into()), ("typedConfig", Self::typed(type_name, fields))])
    }

    /// A message that says its own type.
    #[must_use]
    pub fn typed(type_name: &str, fields: Self) -> Self {
        let mut typed =
            vec![("@type".to_owned(), Self::Text(format!("type.googleapis.com/{type_name}")))];
        if let Self::Object(fields) = fields {
            typed.extend(fields);
        }
        Self::Object(typed)
    }

    /// The message with one more field. What is no message stays as it is.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Self>) -> Self {
        if let Self::Object(fields) = &mut self {
            fields.push((name.to_owned(), value.into()));
        }
        self
    }

    /// The message with one more field, where there is a value for it.
    #[must_use]
    pub fn with_some(self, name: &str, value: Option<impl Into<Self>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The message with one more repeated field, where it holds anything: an empty one is not written.
    #[must_use]
    pub fn with_list(self, name: &str, values: Vec<Self>) -> Self {
        if values.is_empty() { self } else { self.with(name, Self::List(values)) }
    }

    /// The message with one more flag, where it is set: `false` is not written.
    #[must_use]
    pub fn with_flag(self, name: &str, set: bool) -> Self {
        if set { self.with(name, true) } else { self }
    }

    /// The value of a field of a message; absent where there is none.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(fields) => fields
                .iter()
                .find(|(field, _)| field == name)
                .map(|(_, value)| value),
            Self::Bool(_) | Self::List(_) | Self::Number(_) | Self::Text(_) => None,
        }
    }
}

impl From<bool> for Message {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Message {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Message {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<u16> for Message {
    fn from(value: u16) -> Self {
        Self::Number(value.into())
    }
}

impl From<u32> for Message {
    fn from(value: u32) -> Self {
        Self::Number(value.into())
    }
}

impl From<Vec<Self>> for Message {
    fn from(values: Vec<Self>) -> Self {
        Self::List(values)
    }
}
