# ActiveRecord, as Rails uses it: what it prints through the proxy is what it prints on one PostgreSQL.
require "active_record"

ActiveRecord::Base.establish_connection(
  adapter: "postgresql", host: ENV["PGHOST"], port: ENV["PGPORT"].to_i, username: ENV["PGUSER"], password: ENV["PGPASSWORD"], database: ENV["PGDATABASE"]
)

class Event < ActiveRecord::Base
  self.primary_key = nil
end

class Country < ActiveRecord::Base
  self.primary_key = "code"
end

def tell(what)
  puts "#{what} #{yield.inspect}"
rescue ActiveRecord::StatementInvalid => error
  puts "#{what} ! #{error.class}"
end

db = ActiveRecord::Base.connection
mine = Event.where("client_id >= 9000")
mine.delete_all
tell("columns") { Event.columns.map { |column| [column.name, column.type, column.sql_type, column.null] } }
tell("keys") { [db.primary_keys("events"), db.indexes("events").map(&:columns)] }
tell("create") { Event.create!(client_id: 9001, id: 1, kind: "created").attributes.slice("client_id", "id", "kind") }
tell("rows") { (2..9).each { |row| Event.create!(client_id: 9000 + row, id: row, kind: "kind #{row % 2}", amount: row) } }
tell("where") { mine.where(client_id: [9002, 9003, 9004]).order(:client_id).pluck(:client_id, :id, :kind, :amount) }
tell("groups") { [mine.group(:kind).order(:kind).count, mine.group(:kind).order(:kind).sum(:amount), mine.distinct.count(:kind), mine.average(:client_id)] }
tell("page") { mine.order(client_id: :desc).limit(3).offset(2).pluck(:client_id) }
tell("exists") { [mine.exists?(client_id: 9003), mine.where(kind: "nothing").exists?] }
tell("update") { mine.where("id > 4").update_all(kind: "updated") }
tell("transaction") do
  Event.transaction do
    mine.where(client_id: 9002).update_all(kind: "outer")
    Event.transaction(requires_new: true) do
      mine.update_all(kind: "inner")
      raise ActiveRecord::Rollback
    end
    [mine.where(kind: "outer").count, mine.where(kind: "inner").count]
  end
end
tell("undone") do
  Event.transaction do
    mine.update_all(kind: "gone")
    db.execute("INSERT INTO events (client_id, id, kind) VALUES (9003, 3, 'twice')")
  end
end
tell("none of it") { mine.where(kind: "gone").count }
tell("lock") { Event.transaction { mine.where(client_id: 9005).lock.pluck(:kind) } }
tell("levels") { Event.transaction(isolation: :repeatable_read) { mine.count } }
tell("prepared") { (9001..9008).map { |client| Event.where(client_id: client).count } }
tell("advisory lock") { [db.get_advisory_lock(42), db.release_advisory_lock(42)] }
tell("batches") { Country.in_batches(of: 2).map { |batch| batch.order(:code).pluck(:code) } }
tell("left") { mine.delete_all }
