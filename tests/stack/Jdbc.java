import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;

/** What BI tools do over JDBC; arguments: address, user, catalog. The password is the variable TRINO_PASSWORD. */
public final class Jdbc {
    public static void main(String[] arguments) throws SQLException {
        String catalog = arguments[2];
        try (Connection connection =
                DriverManager.getConnection(arguments[0], arguments[1], System.getenv("TRINO_PASSWORD"))) {
            DatabaseMetaData about = connection.getMetaData();
            System.out.println("schemas " + column(about.getSchemas(catalog, "%"), "TABLE_SCHEM"));
            System.out.println("tables " + column(about.getTables(catalog, "gold", "%", null), "TABLE_NAME"));
            System.out.println("columns " + column(about.getColumns(catalog, "gold", "sales", "%"), "TYPE_NAME"));
            System.out.println("keys " + column(about.getPrimaryKeys(catalog, "gold", "sales"), "COLUMN_NAME"));
            String sql = "SELECT amount FROM gold.sales WHERE amount < ? AND day = ?";
            try (PreparedStatement statement = connection.prepareStatement(sql)) {
                System.out.println("of " + statement.getMetaData().getColumnTypeName(1));
                statement.setBigDecimal(1, new BigDecimal("1.00"));
                statement.setDate(2, java.sql.Date.valueOf("2026-03-01"));
                System.out.println("rows " + column(statement.executeQuery(), "amount"));
            }
        }
    }

    private static List<String> column(ResultSet rows, String name) throws SQLException {
        List<String> found = new ArrayList<>();
        while (rows.next()) {
            found.add(rows.getString(name));
        }
        return found;
    }
}
