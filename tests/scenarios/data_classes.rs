//! Each table says its purpose and retention, and each column its class. `docs/data.md` is written from that.

use tests::generated::assert_committed;
use tests::prelude::*;

const HEADER: &str = "\
# Data

This page lists each table with its purpose, its retention and the classes of its columns. Whoever analyses risks
(45 CFR 164.308(a)(1)(ii)(A)), answers a patient or plans an export finds here where data of patients are.

- **ePHI** says something of a patient's health, care or payment, or links a row to a patient (45 CFR 160.103).
- **Identifying** names or describes a person, and says nothing of care.
- **Operational** are all other columns, such as times of changes, states of jobs and numbers of versions.

The retention rules are in the table `retention_rules` ([decision 0033](decisions/0033-retention.md)). A legal hold lengthens each
retention. Files are in S3 under the key that `file_metadata` names, and are ePHI as a whole. Tables without columns of the
first two classes are at the end.

The comments of the database say all this (`migrations/V0036__data_classes.sql`), and this file is written from them:

```sh
UPDATE=1 cargo test --workspace --test scenarios data_classes
```
";

/// The tables, without the partitions and without what the migrations' tool made.
const TABLES: &str = "
    select c.relname::text as name, obj_description(c.oid) as comment,
      coalesce(
        array_agg(a.name order by a.number) filter (where a.class not in ('ePHI', 'identifying', 'operational')), '{}'
      ) as unclassified,
      coalesce(array_agg(a.name order by a.number) filter (where a.class = 'ePHI'), '{}') as ephi,
      coalesce(array_agg(a.name order by a.number) filter (where a.class = 'identifying'), '{}') as identifying
    from pg_class c
    cross join lateral (
      select attnum as number, attname::text as name, coalesce(col_description(c.oid, attnum), '') as class
      from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped
    ) as a
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
      and c.relname <> 'schema_history'
    group by c.oid, c.relname
    order by c.relname";

#[tokio::test]
async fn each_column_has_a_class_and_each_table_its_purpose_and_retention() {
    let world = World::new().await;
    let mut with_persons = String::new();
    let mut others = String::new();
    for table in world.sql(TABLES, &[]).await {
        let name: String = table.get("name");
        let unclassified: Vec<String> = table.get("unclassified");
        assert!(
            unclassified.is_empty(),
            "{name}: comment these columns with their class: {unclassified:?}"
        );
        let comment: Option<String> = table.get("comment");
        let said = comment
            .as_deref()
            .and_then(|text| text.split_once("\nRetention: "));
        let (purpose, retention) =
            said.unwrap_or_else(|| panic!("{name}: call classify with its purpose and retention"));
        let [ephi, identifying] = ["ephi", "identifying"].map(|class| {
            let columns: Vec<String> = table.get(class);
            let columns = columns.iter().map(|column| format!("`{column}`"));
            columns.collect::<Vec<_>>().join(", ")
        });
        match ephi.is_empty() && identifying.is_empty() {
            true => others += &format!("| `{name}` | {purpose} | {retention} |\n"),
            false => {
                let classes = format!("{} | {}", or_none(&ephi), or_none(&identifying));
                with_persons += &format!("| `{name}` | {purpose} | {retention} | {classes} |\n");
            }
        }
    }
    let text = format!(
        "{HEADER}\n## Data of persons\n\n| table | purpose | retention | ePHI | identifying |\n|---|---|---|---|---|\n\
         {with_persons}\n## Operational data\n\n| table | purpose | retention |\n|---|---|---|\n{others}"
    );
    assert_committed("docs/data.md", &text, "data_classes");
}

fn or_none(columns: &str) -> &str {
    match columns {
        "" => "–",
        columns => columns,
    }
}
