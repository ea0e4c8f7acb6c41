//! What a column holds, whatever the database calls it.

/// What a column or a parameter holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Whole numbers.
    Integer,
    /// Floating-point numbers.
    Real,
    /// Numbers that are exact.
    Decimal,
    /// True and false.
    Boolean,
    /// Text.
    Text,
    /// JSON, as a type of its own.
    Json,
    /// Bytes, base64 in JSON.
    Bytes,
    /// A date with a time, without a zone: it is kept in UTC.
    Moment,
    /// A list of PostgreSQL.
    Array(Box<Self>),
    /// Something that the server reads from text: dates, UUIDs, ranges, words of an enumeration.
    Other,
    /// Whatever it is given: a column of SQLite without a type, a parameter.
    Any,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// The type as SQL, for the cast from text; PostgreSQL's.
    pub(super) type_name: String,
}

/// A table as the database knows it.
pub(super) struct Table {
    pub(super) columns: Vec<Column>,
    /// What cannot be undone cannot be done once: an engine of MySQL without transactions.
    pub(super) engine: Option<String>,
    /// What tells it from one of the same name that was dropped; empty where nothing does.
    pub(super) incarnation: String,
}

impl Kind {
    /// The kind of PostgreSQL's type `typname`, or of the array of it.
    /// <https://www.postgresql.org/docs/current/catalog-pg-type.html>
    pub(super) fn of_postgres(typname: &str, is_array: bool) -> Self {
        let kind = match typname {
            "int2" | "int4" | "int8" | "oid" => Self::Integer,
            "float4" | "float8" => Self::Real,
            "numeric" => Self::Decimal,
            "bool" => Self::Boolean,
            "json" | "jsonb" => Self::Json,
            "bytea" => Self::Bytes,
            // Otherwise the zone of a text is dropped in silence:
            // <https://www.postgresql.org/docs/current/datatype-datetime.html#DATATYPE-DATETIME-INPUT-TIMESTAMPS>
            "timestamp" => Self::Moment,
            "text" | "varchar" | "bpchar" | "name" | "citext" => Self::Text,
            _ => Self::Other,
        };
        if is_array { Self::Array(Box::new(kind)) } else { kind }
    }

    /// The kind of MySQL's `data_type`. <https://dev.mysql.com/doc/refman/8.4/en/data-types.html>
    pub(super) fn of_mysql(data_type: &str) -> Self {
        match data_type.to_ascii_lowercase().as_str() {
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "bit" | "year" => Self::Integer,
            "float" | "double" => Self::Real,
            "decimal" => Self::Decimal,
            "json" => Self::Json,
            "datetime" | "timestamp" => Self::Moment,
            other if other.ends_with("blob") || other.ends_with("binary") => Self::Bytes,
            other if other.ends_with("text") || other.ends_with("char") => Self::Text,
            _ => Self::Other,
        }
    }

    /// The kind of a column of SQLite that is declared so. Like the affinity of the column
    /// (<https://www.sqlite.org/datatype3.html#determination_of_column_affinity>), with truth as a kind of its own.
    pub(super) fn of_sqlite(declared: &str) -> Self {
        let declared = declared.to_ascii_uppercase();
        let has = |words: &[&str]| words.iter().any(|word| declared.contains(word));
        if has(&["BOOL"]) {
            Self::Boolean
        } else if has(&["INT"]) {
            Self::Integer
        } else if has(&["CHAR", "CLOB", "TEXT"]) {
            Self::Text
        } else if has(&["BLOB"]) {
            Self::Bytes
        } else if has(&["REAL", "FLOA", "DOUB"]) {
            Self::Real
        } else {
            Self::Any
        }
    }
}
