//! The statement of a list whose rows the caller can reach in several ways.

/// Writes the `union all` of a list at compile time. Each branch is a `select` with a condition of its
/// own, followed by the filters and the order that all branches share.
///
/// A branch covers one way to reach a row. One `where` with `or` instead couldn't walk an index in the
/// list's order. A row must satisfy the condition of at most one branch. A branch is a condition, or
/// `("condition", for each "source")`, which repeats the `select` for each row of the source. `order`
/// is the `order by` and the `limit`.
#[macro_export]
macro_rules! union_all {
    (
        select: $select:expr,
        branches: [$first:tt $(, $other:tt)* $(,)?],
        filters: $filters:expr,
        order: $order:expr $(,)?
    ) => {
        concat!(
            $crate::union_all!(@branch $first $select, $filters, $order),
            $(" union all ", $crate::union_all!(@branch $other $select, $filters, $order),)*
            " ", $order
        )
    };
    (@branch ($condition:literal, for each $source:literal) $($rest:tt)+) => {
        concat!(
            "(select found.* from ", $source, ", lateral ",
            $crate::union_all!(@branch $condition $($rest)+),
            " as found)"
        )
    };
    (@branch $condition:literal $select:expr, $filters:expr, $order:expr) => {
        concat!("(", $select, " where ", $condition, " and ", $filters, " ", $order, ")")
    };
}

#[cfg(test)]
mod tests {
    const LIST: &str = union_all!(
        select: "select id from letters",
        branches: [
            "reach('letters:read') = 'ALL'",
            ("addressee = friend.id", for each "friends() as friend (id)"),
        ],
        filters: "($1::uuid is null or id > $1)",
        order: "order by id limit $2",
    );

    #[test]
    fn each_branch_has_the_filters_and_the_order() {
        assert_eq!(
            LIST,
            "(select id from letters where reach('letters:read') = 'ALL' \
             and ($1::uuid is null or id > $1) order by id limit $2) union all \
             (select found.* from friends() as friend (id), lateral \
             (select id from letters where addressee = friend.id \
             and ($1::uuid is null or id > $1) order by id limit $2) as found) \
             order by id limit $2"
        );
    }
}
